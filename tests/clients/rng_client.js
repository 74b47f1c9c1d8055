// rng_client.js HOST each|pick_first|round_robin: as rng_client.py, with @grpc/grpc-js.
const path = require('path');
const readline = require('readline');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [host, policy] = process.argv.slice(2);
const { rng } = grpc.loadPackageDefinition(loader.loadSync(path.join(__dirname, 'rng.proto')));

function channel() {
	const options = { 'grpc.use_local_subchannel_pool': 1 };
	if (policy !== 'each')
		options['grpc.service_config'] = JSON.stringify({ loadBalancingConfig: [{ [policy]: {} }] });
	return new rng.Rng(`${host}:50051`, grpc.credentials.createInsecure(), options);
}

function ask(on) {
	return new Promise((resolve, reject) => {
		const metadata = new grpc.Metadata({ waitForReady: true });
		on.number({}, metadata, { deadline: Date.now() + 30000 }, (error, reply) => {
			if (!error)
				resolve(reply);
			else if (error.code === grpc.status.UNAVAILABLE)
				resolve(ask(on));
			else
				reject(error);
		});
	});
}

async function main() {
	const one = policy === 'each' ? null : channel();
	for await (const line of readline.createInterface({ input: process.stdin })) {
		for (let i = 0; i < Number(line); i++) {
			const on = one || channel();
			const reply = await ask(on);
			if (on !== one)
				on.close();
			console.log(`${reply.number} ${reply.address}`);
		}
	}
}

main();
