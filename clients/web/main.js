// SPDX-License-Identifier: MIT
import { Panel } from "./panel.js";
import { measureRequest } from "./http.js";
import { WebSocketLink } from "./websocket.js";
import { SocketIoLink } from "./socketio.js";
import { SseLink } from "./sse.js";

const PROTOCOLS = {
	ws: {
		title: "WebSocket",
		about: "One TCP connection both ways; two bytes of frame head down, six up.",
		Link: WebSocketLink,
	},
	io: {
		title: "Socket.IO",
		about: "HTTP long polling that works everywhere, then an upgrade where it may.",
		Link: SocketIoLink,
	},
	sse: {
		title: "Server-Sent Events",
		about: "One endless HTTP response down; every message up is a request of its own.",
		Link: SseLink,
	},
};

function start() {
	const page = Math.random().toString(36).slice(2);
	const container = document.getElementById("panels");
	const room = document.getElementById("room");
	const panels = {};
	const links = {};
	let counter = 0;
	let timer = 0;

	room.value = new URLSearchParams(location.search).get("room") || "lab";
	for (const [protocol, { title, about, Link }] of Object.entries(PROTOCOLS)) {
		panels[protocol] = new Panel(container, { protocol, title, about, page });
		links[protocol] = new Link(panels[protocol], room.value);
		panels[protocol].use(links[protocol]);
	}

	room.addEventListener("change", () => {
		if (room.value === "")
			return;
		for (const link of Object.values(links))
			link.enter(room.value);
	});
	document.getElementById("stream").addEventListener("submit",
		(event) => event.preventDefault());
	document.getElementById("clear").addEventListener("click", () => {
		for (const panel of Object.values(panels))
			panel.clear();
	});
	document.getElementById("rate").addEventListener("change", (event) => {
		const rate = Number(event.target.value);

		clearInterval(timer);
		if (rate > 0)
			timer = setInterval(() => {
				const from = document.getElementById("from").value;

				if (links[from].live)
					links[from].publish(panels[from].data(`tick ${++counter}`));
			}, 1000 / rate);
	});
}

await measureRequest();
start();
