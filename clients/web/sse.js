// SPDX-License-Identifier: MIT
// The raw dialect down an EventSource; commands go up by POST.
import { byteLength } from "./panel.js";
import { requestHead, responseHead } from "./http.js";

export class SseLink {
	constructor(panel, room) {
		this.panel = panel;
		this.room = room;
		this.lastEventId = "";
		this.connect();
	}

	connect() {
		const url = new URL("/sse", location.href);

		url.searchParams.set("room", this.room);
		if (this.lastEventId)
			url.searchParams.set("lastEventId", this.lastEventId);
		this.isCut = false;
		this.live = false;
		this.panel.state("connecting", "connecting");
		const head = requestHead("GET", url.pathname + url.search);
		this.panel.wire("out", `GET ${url.pathname}${url.search}, head ${byteLength(head)} B`,
			byteLength(head), "");
		this.source = new EventSource(url);
		for (const type of ["welcome", "message", "gap"])
			this.source.addEventListener(type, (event) => this.receive(event));
		this.source.onerror = () => this.failed();
	}

	// The event as it stood in the stream: an EventSource shows its parts.
	show(event) {
		let text = event.lastEventId && event.type !== "gap"
			? `id: ${event.lastEventId}\n` : "";

		text += `event: ${event.type}\ndata: ${event.data}\n\n`;
		this.panel.wire("in", "event", byteLength(text), text);
	}

	receive(event) {
		const object = JSON.parse(event.data);

		this.show(event);
		this.lastEventId = event.lastEventId;
		switch (object.type) {
		case "welcome":
			this.sid = object.payload.sid;
			this.position = object.payload.position;
			this.live = true;
			this.panel.state("live", "open");
			break;
		case "message":
			this.panel.message({ data: object.data, seq: object.seq,
				replayed: object.position <= this.position });
			break;
		case "gap":
			this.panel.gap(object.from, object.to);
			break;
		}
	}

	async command(object) {
		const path = `/sse/${this.sid}`;
		const body = JSON.stringify(object);
		const head = requestHead("POST", path, body, "text/plain;charset=UTF-8");

		this.panel.wire("out", `POST ${path}, head ${byteLength(head)} B`,
			byteLength(head) + byteLength(body), body);
		try {
			const answer = await fetch(path, { method: "POST", body });
			const text = await answer.text();
			const lines = [...answer.headers].map(([name, value]) => `${name}: ${value}\r\n`);
			const back = responseHead(answer.status, answer.statusText, lines.join(""));

			this.panel.wire("in", `${answer.status}, head ${byteLength(back)} B`,
				byteLength(back) + byteLength(text), text);
		} catch (error) {
			this.panel.note(`POST failed: ${error.message}`);
		}
	}

	publish(data) {
		return this.command({ type: "publish", room: this.room, event: "message", data });
	}

	// EventSource reconnects by itself, with its Last-Event-ID.
	failed() {
		this.live = false;
		if (this.source.readyState === EventSource.CLOSED) {
			this.panel.state("failed", "refused, again in 2 s");
			this.again = setTimeout(() => this.connect(), 2000);
		} else {
			this.panel.state("failed", "reconnecting");
		}
	}

	cut() {
		clearTimeout(this.again);
		this.isCut = true;
		this.live = false;
		this.source.close();
		this.panel.state("cut", "cut");
	}

	resume() {
		this.connect();
	}

	// A stream's rooms are those of its URL, so that a reconnect restores them.
	enter(room) {
		this.room = room;
		this.lastEventId = "";
		if (!this.isCut) {
			this.source.close();
			this.connect();
		}
	}
}
