// node nonblocking.js HOST PORT RATE SECONDS: as blocking.c, with net.connect.
"use strict";
const net = require("net");
const [host, port, rate, seconds] = process.argv.slice(2).map((word, i) => (i ? Number(word) : word));
const PATIENCE_MS = 5000;
const total = rate * seconds;
let next = 0, done = 0, failed = 0, longest = 0;

console.log("begins");
const began = performance.now() + 100;

function visit() {
	const start = performance.now();
	let reply = "", timer, over = false;
	const socket = net.connect({ host, port, autoSelectFamily: false });
	const end = (wrong) => {
		if (over)
			return;
		over = true;
		clearTimeout(timer);
		socket.destroy();
		longest = Math.max(longest, performance.now() - start);
		if (wrong) {
			failed++;
			console.log(`${Math.round(start - began)} ms: ${wrong}`);
		}
		if (++done === total)
			console.log(`made ${total} failed ${failed} longest ${Math.round(longest)} ms`);
	};
	timer = setTimeout(end, PATIENCE_MS, "connect: timed out");
	socket.on("connect", () => {
		clearTimeout(timer);
		timer = setTimeout(end, PATIENCE_MS, "no reply: timed out");
		socket.write("GET /address HTTP/1.0\r\n\r\n");
	});
	socket.on("data", (data) => (reply += data));
	socket.on("error", (error) => end(`${error.syscall}: ${error.code}`));
	socket.on("end", () => end(reply.includes("\r\n\r\n") ? "" : "no reply"));
}

function turn() {
	while (next < total && performance.now() >= began + (next * 1000) / rate) {
		next++;
		visit();
	}
	if (next < total)
		setTimeout(turn, Math.max(1, began + (next * 1000) / rate - performance.now()));
}

turn();
