// cluster.js HOST PORT: for each line N on stdin, N keys written and read in a Redis Cluster by ioredis; for each, the key
// and whether it came back.
const readline = require('readline');
const { Cluster } = require('ioredis');

async function main() {
	const [host, port] = process.argv.slice(2);
	const cluster = new Cluster([{ host, port: Number(port) }]);
	for await (const line of readline.createInterface({ input: process.stdin }))
		for (let i = 0; i < Number(line); i++) {
			const key = `node-${i}`;
			await cluster.set(key, i);
			console.log(`${key} ${(await cluster.get(key)) === String(i) ? 'ok' : 'lost'}`);
		}
}

main();
