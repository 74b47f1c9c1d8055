// socketio.js URL TRANSPORT...: one Socket.IO client that asks which pod it has; fails if its session ends before.
const { io } = require('socket.io-client');

const [url, ...transports] = process.argv.slice(2);
const socket = io(url, { transports, reconnection: false, timeout: 5000 });

function end(status, what) {
	console.log(what);
	process.exit(status);
}

socket.on('connect_error', (error) => end(1, error.message));
socket.on('disconnect', (reason) => end(1, reason));
socket.on('connect', () => socket.timeout(5000).emit('who', (error, pod) => end(error ? 1 : 0, error ? error.message : pod)));
