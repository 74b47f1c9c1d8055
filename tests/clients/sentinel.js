// sentinel.js HOST: for each line N on stdin, N clients of ioredis one after another, each of which asks a Redis Sentinel of
// HOST for the master and writes a key there: the key, and whether it was written.
const readline = require('readline');
const Redis = require('ioredis');

async function write(host, key) {
	const redis = new Redis({ sentinels: [{ host, port: 26379 }], name: 'm', maxRetriesPerRequest: 1, retryStrategy: null });
	redis.on('error', () => {});
	const outcome = await redis.set(key, '1').then(() => 'ok', (error) => error.message);
	redis.disconnect();
	console.log(`${key} ${outcome}`);
}

async function main() {
	for await (const line of readline.createInterface({ input: process.stdin }))
		for (let i = 0; i < Number(line); i++)
			await write(process.argv[2], `node-${i}`);
}

main();
