// web.js HOW URL: for each line N on standard input N requests, each with a connection of its own; prints what they get.
// HOW: http, fetch, or resolve4, which asks DNS by Node's own c-ares and connects to the first address.

const dns = require("dns");
const http = require("http");
const readline = require("readline");

const [how, url] = process.argv.slice(2);

function get(url, options) {
	return new Promise((resolve, reject) => {
		http.get(url, { agent: false, ...options }, (response) => {
			let body = "";
			response.on("data", (data) => (body += data));
			response.on("end", () => resolve(body));
		}).on("error", reject);
	});
}

const ways = {
	http: () => get(url),
	fetch: async () => (await fetch(url, { headers: { connection: "close" } })).text(),
	resolve4: async () => {
		const { hostname, host } = new URL(url);
		const [address] = await dns.promises.resolve4(hostname);
		return get(url, { host: address, hostname: address, headers: { host } });
	},
};

async function main() {
	for await (const line of readline.createInterface({ input: process.stdin })) {
		for (let i = 0; i < Number(line); i++) {
			process.stdout.write(await ways[how]());
		}
	}
}

main();
