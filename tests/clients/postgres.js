// For each line N on stdin: N connections of node pg, one after another; what each server says of itself, on stdout.
// postgres.js HOST...: the hosts in turn, and each line begins with whom it meant.
const readline = require('readline');
const { Client } = require('pg');

const hosts = process.argv.slice(2);
let turn = 0;

async function visit() {
	const host = hosts[turn++ % hosts.length];
	const client = new Client({ host, user: 'postgres', database: 'postgres' });
	await client.connect();
	const { rows } = await client.query("SELECT current_setting('cluster_name') AS who");
	await client.end();
	console.log(`${host} ${rows[0].who}`);
}

async function main() {
	for await (const line of readline.createInterface({ input: process.stdin }))
		for (let i = 0; i < Number(line); i++)
			await visit();
}

main();
