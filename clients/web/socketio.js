// SPDX-License-Identifier: MIT
// Socket.IO by its own client, over the transport that one chooses.
import { byteLength } from "./panel.js";
import { watchRequests } from "./http.js";

const TRANSPORTS = {
	polling: { transports: ["polling"] },
	upgrade: { transports: ["polling", "websocket"] },
	websocket: { transports: ["websocket"] },
};
// Packets of one polling body are joined by this.
const SEPARATOR = /\x1e/g;
const PACKET_TYPES = {
	open: 0, close: 1, ping: 2, pong: 3, message: 4, upgrade: 5, noop: 6,
};

export class SocketIoLink {
	constructor(panel, room) {
		this.panel = panel;
		this.room = room;
		watchRequests((direction, title, head, body) => panel.wire(direction,
			`${title}, head ${byteLength(head)} B`,
			byteLength(head) + byteLength(body),
			body.replace(SEPARATOR, "␞")));
		this.choose();
		this.connect();
	}

	choose() {
		const label = document.createElement("label");
		const select = document.createElement("select");

		for (const name of Object.keys(TRANSPORTS))
			select.add(new Option(name === "upgrade"
				? "polling, then upgrade" : name, name));
		select.value = "upgrade";
		select.name = "transport";
		select.addEventListener("change", () => {
			this.socket.io.reconnection(false);
			this.socket.disconnect();
			this.connect();
		});
		label.append("Transport ", select);
		this.panel.options.append(label);
		this.select = select;
	}

	connect() {
		const io = window.io;

		this.isCut = false;
		this.live = false;
		this.seen = false;
		if (!io) {
			this.panel.state("failed", "this server was built without socket.io-client");
			return;
		}
		this.panel.state("connecting", "connecting");
		const socket = io({ ...TRANSPORTS[this.select.value], forceNew: true });

		this.socket = socket;
		socket.on("connect", () => this.connected(socket));
		socket.on("disconnect", (reason) => this.disconnected(socket, reason));
		socket.onAny((event, data, context) => this.receive(data, context));
		socket.io.on("open", () => this.watch(socket.io.engine));
	}

	// Over WebSocket, each Engine.IO packet is one frame.
	watch(engine) {
		const frame = (direction, masked) => (packet) => {
			if (engine.transport.name !== "websocket")
				return;
			const text = PACKET_TYPES[packet.type]
				+ (typeof packet.data === "string" ? packet.data : "");
			const bytes = byteLength(text);
			const head = (bytes < 126 ? 2 : bytes < 65536 ? 4 : 10) + masked;

			this.panel.wire(direction, `text frame, head ${head} B`,
				head + bytes, text);
		};

		engine.on("packet", frame("in", 0));
		engine.on("packetCreate", frame("out", 4));
		// One that is closed while it upgrades finishes that first.
		engine.on("upgrade", () => {
			if (this.live && engine === this.socket.io.engine)
				this.showTransport();
		});
	}

	showTransport() {
		this.panel.state("live", `open, ${this.socket.io.engine.transport.name}`);
	}

	connected(socket) {
		if (socket !== this.socket)
			return;
		this.live = true;
		this.showTransport();
		this.replaying = socket.recovered;
		if (this.seen && socket.recovered)
			this.panel.note("recovered: rooms and missed messages are restored");
		else if (this.seen)
			this.panel.note("not recovered: what was missed is gone "
				+ "(see --recovery-window)");
		this.seen = true;
		if (!socket.recovered)
			socket.emit("join", this.room);
		// The replay arrives with the CONNECT packet, before this tick ends.
		setTimeout(() => {
			this.replaying = false;
		}, 0);
	}

	disconnected(socket, reason) {
		if (socket !== this.socket || this.isCut)
			return;
		this.live = false;
		this.panel.state("failed", reason);
	}

	receive(data, context) {
		this.panel.message({ data, seq: context && context.seq,
			replayed: this.replaying || !this.live });
	}

	publish(data) {
		this.socket.emit("publish", this.room, "message", data);
	}

	cut() {
		this.isCut = true;
		this.live = false;
		this.socket.io.reconnection(false);
		this.socket.io.engine.close();
		this.panel.state("cut", "cut");
	}

	resume() {
		this.isCut = false;
		this.panel.state("connecting", "connecting");
		this.socket.io.reconnection(true);
		this.socket.connect();
	}

	enter(room) {
		if (this.live) {
			this.socket.emit("leave", this.room);
			this.socket.emit("join", room);
		}
		this.room = room;
	}
}
