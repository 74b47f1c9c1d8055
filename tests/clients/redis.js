// For each line N on stdin: N connections of ioredis, one after another; what each server says of itself, on stdout.
const readline = require('readline');
const Redis = require('ioredis');

async function visit(host) {
	const redis = new Redis({ host, lazyConnect: true });
	await redis.connect();
	const [, who] = await redis.config('GET', 'bind');
	redis.disconnect();
	console.log(who);
}

async function main() {
	for await (const line of readline.createInterface({ input: process.stdin }))
		for (let i = 0; i < Number(line); i++)
			await visit(process.argv[2]);
}

main();
