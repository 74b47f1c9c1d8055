// connections.js URL N: N requests with Node's http, one after another, in one process.

const http = require("http");

const [url, count] = [process.argv[2], Number(process.argv[3])];

async function main() {
	for (let i = 0; i < count; i++) {
		await new Promise((resolve, reject) => {
			http.get(url, (response) => {
				response.pipe(process.stdout, { end: false });
				response.on("end", resolve);
			}).on("error", reject);
		});
	}
}

main();
