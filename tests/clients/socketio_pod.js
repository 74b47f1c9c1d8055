// socketio_pod.js ADDRESS: a Socket.IO server at port 3000, which says its address to who asks.
const { Server } = require('socket.io');
const http = require('http');

const address = process.argv[2];
const server = http.createServer();
new Server(server).on('connection', (socket) => socket.on('who', (answer) => answer(address)));
server.listen(3000, address);
