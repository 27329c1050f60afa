// SPDX-License-Identifier: MIT
// The raw dialect over the browser's own WebSocket.
import { byteLength } from "./panel.js";

// RFC 6455 section 5.2; a client's frames carry a masking key of four bytes.
function frameHead(payload, masked) {
	const length = payload < 126 ? 2 : payload < 65536 ? 4 : 10;
	return length + (masked ? 4 : 0);
}

export class WebSocketLink {
	constructor(panel, room) {
		this.panel = panel;
		this.room = room;
		this.cursor = null; // where to resume: {epoch, position}
		this.connect();
	}

	connect() {
		const url = new URL("/ws", location.href);

		this.isCut = false;
		this.live = false;
		this.panel.state("connecting", "connecting");
		url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
		this.socket = new WebSocket(url, "pushmark.v1");
		this.socket.onmessage = (event) => this.receive(event.data);
		this.socket.onclose = (event) => this.closed(event);
	}

	send(object) {
		const text = JSON.stringify(object);
		const bytes = byteLength(text);
		const head = frameHead(bytes, true);

		this.panel.wire("out", `text frame, head ${head} B`, head + bytes, text);
		this.socket.send(text);
	}

	receive(text) {
		const bytes = byteLength(text);
		const head = frameHead(bytes, false);
		const object = JSON.parse(text);

		this.panel.wire("in", `text frame, head ${head} B`, head + bytes, text);
		switch (object.type) {
		case "welcome":
			this.welcome(object.payload);
			break;
		case "message":
			this.cursor = { epoch: this.epoch, position: object.position };
			this.panel.message({ data: object.data, seq: object.seq,
				replayed: object.position <= this.position });
			break;
		case "gap":
			this.panel.gap(object.from, object.to);
			break;
		case "error":
			this.panel.note(`error: ${object.payload}`);
			break;
		}
	}

	welcome({ epoch, position }) {
		const from = this.cursor;

		this.epoch = epoch;
		this.position = position; // older messages are replayed ones
		this.cursor = { epoch, position };
		this.live = true;
		this.panel.state("live", "open");
		if (from)
			this.send({ type: "resume", ...from, rooms: [this.room] });
		else
			this.send({ type: "join", room: this.room });
	}

	publish(data) {
		this.send({ type: "publish", room: this.room, event: "message", data });
	}

	closed(event) {
		this.live = false;
		if (this.isCut)
			return;
		this.panel.state("failed", `closed (${event.code}), again in 2 s`);
		this.again = setTimeout(() => this.connect(), 2000);
	}

	cut() {
		clearTimeout(this.again);
		this.isCut = true;
		this.live = false;
		this.socket.onclose = null;
		this.socket.onmessage = null;
		this.socket.close();
		this.panel.state("cut", "cut");
	}

	resume() {
		this.connect();
	}

	enter(room) {
		if (this.live) {
			this.send({ type: "leave", room: this.room });
			this.send({ type: "join", room });
		} else {
			this.cursor = null;
		}
		this.room = room;
	}
}
