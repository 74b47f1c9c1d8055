<?php
// web.php HOW URL: for each line N on standard input N requests, each with a connection of its own; prints what they get.
// HOW: streams (file_get_contents) or curl (one handle for all).

[, $how, $url] = $argv;
$curl = curl_init($url);
curl_setopt($curl, CURLOPT_RETURNTRANSFER, true);
curl_setopt($curl, CURLOPT_FRESH_CONNECT, true);

while (($line = fgets(STDIN)) !== false) {
	for ($i = 0; $i < (int)$line; $i++) {
		echo $how === 'curl' ? curl_exec($curl) : file_get_contents($url);
	}
}
