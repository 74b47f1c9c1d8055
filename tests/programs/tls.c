/* Linked into a client: TLS_KIB of thread-local storage that each thread has (and uses: zero is not
 * in the file). */
_Thread_local char tls_ballast[TLS_KIB << 10];
