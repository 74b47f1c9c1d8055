# Preloads that send the client's connections through a proxy. Here too, lbdns sees the lookups, but not always the connections.

load ../lab/lab
load beside

group=Proxies

# A SOCKS server, which connects to what it is asked for.
proxy() {
	lab_start tor /usr/bin/python3 "$LAB_ROOT/tests/programs/tor.py"
}

chained() {
	printf 'strict_chain\nquiet_mode\n%s\n[ProxyList]\nsocks5 127.0.0.1 9050\n' "$1" >"$LAB/proxychains.conf"
	preload=$(beside_library libproxychains.so.4)
	export PROXYCHAINS_CONF_FILE=$LAB/proxychains.conf PROXYCHAINS_QUIET_MODE=1
}

@test "proxychains, proxy_dns" {
	chained proxy_dns
	BESIDE_SERVERS=proxy BESIDE_AS_ALONE=1 BESIDE_NOTE='fails alone too, with the SOCKS server of these tests' \
		beside_row 'proxychains4, `proxy_dns`' proxychains4 first
	BESIDE_SERVERS=proxy BESIDE_AS_ALONE=1 BESIDE_WARNED=$preload beside_row 'proxychains4, `proxy_dns`' proxychains4 last
}

@test "proxychains without proxy_dns" {
	chained ''
	BESIDE_SERVERS=proxy BESIDE_FAILS=1 BESIDE_NOTE='the proxy is asked for the addresses in turn; one that it cannot reach fails once' \
		beside_row proxychains4 proxychains4 first
	BESIDE_SERVERS=proxy BESIDE_KEPT=1 BESIDE_WARNED=$preload \
		BESIDE_NOTE='lookups rotate; who keeps an address stays there' beside_row proxychains4 proxychains4 last
}

@test "trickle" {
	around=(trickle -s -d 10000 -u 10000)
	BESIDE_NOTE='drops lbdns from LD_PRELOAD: `trickle … lbdns run -- client`' beside_row trickle trickle inside
}
