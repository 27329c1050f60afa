// SPDX-License-Identifier: MIT
// One protocol's panel: its figures, messages and raw bytes. It knows no
// protocol; a link (websocket.js, socketio.js, sse.js) tells it what happens.

const LATENCIES = 120;
const ROWS = 60;

const encoder = new TextEncoder();

export function byteLength(text) {
	return encoder.encode(text).length;
}

function milliseconds(value) {
	if (value === undefined)
		return "–";
	return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

function median(values) {
	const sorted = [...values].sort((a, b) => a - b);
	return sorted[Math.floor(sorted.length / 2)];
}

export class Panel {
	// `page` is this page's mark on its messages, which alone have a latency.
	constructor(container, { protocol, title, about, page }) {
		const template = document.getElementById("panel");
		const copy = template.content.cloneNode(true);

		this.root = copy.querySelector(".panel");
		this.root.dataset.protocol = protocol;
		this.root.querySelector("h2").textContent = title;
		this.root.querySelector(".about").textContent = about;
		this.page = page;
		this.options = this.root.querySelector(".options");
		this.canvas = this.root.querySelector("canvas");
		container.append(copy);
		this.clear();
		this.state("connecting", "connecting");
	}

	// `live` panels send; `cut` ones have had their link taken away.
	state(name, text) {
		const element = this.root.querySelector(".state");
		const cut = this.root.querySelector(".cut");

		element.dataset.state = name;
		element.textContent = text;
		cut.textContent = name === "cut" ? "Resume" : "Cut";
		this.root.querySelector(".send button").disabled = name !== "live";
	}

	use(link) {
		const form = this.root.querySelector(".send");
		const text = form.elements.text;

		form.addEventListener("submit", (event) => {
			event.preventDefault();
			if (link.live && text.value !== "") {
				link.publish(this.data(text.value));
				text.value = "";
			}
		});
		this.root.querySelector(".cut").addEventListener("click", () => {
			if (link.isCut)
				link.resume();
			else
				link.cut();
		});
	}

	data(text) {
		return { text, page: this.page, at: performance.now() };
	}

	clear() {
		this.received = 0;
		this.replayed = 0;
		this.lost = 0;
		this.bytes = 0;
		this.latencies = [];
		this.draw();
	}

	message({ data, seq, replayed }) {
		const own = data && data.page === this.page;
		const latency = own && !replayed ? performance.now() - data.at : undefined;
		const note = [];

		this.received++;
		if (replayed) {
			this.replayed++;
			note.push("replayed");
		}
		if (latency !== undefined) {
			this.latencies.push(latency);
			if (this.latencies.length > LATENCIES)
				this.latencies.shift();
			note.push(milliseconds(latency));
		}
		if (seq !== undefined)
			note.push(`#${seq}`);
		this.row(data && data.text !== undefined ? data.text : JSON.stringify(data),
			note.join(" · "));
		this.draw();
	}

	// Messages that will not come: told by the server, not guessed.
	gap(from, to) {
		this.lost += to ? to - from + 1 : 0;
		this.row(to ? `gap: #${from} to #${to} will not come`
			: "gap: the server no longer knows what was missed", "", "gap");
		this.draw();
	}

	note(text) {
		this.row(text, "", "gap");
	}

	row(text, note, kind) {
		const list = this.root.querySelector(".messages");
		const item = document.createElement("li");
		const left = document.createElement("span");
		const right = document.createElement("span");

		item.className = kind || "";
		left.className = "text";
		left.textContent = text;
		right.className = "note";
		right.textContent = note;
		item.append(left, right);
		list.append(item);
		while (list.children.length > ROWS)
			list.firstChild.remove();
		list.scrollTop = list.scrollHeight;
	}

	// What crossed the wire. `bytes` counts heads that `text` may not show.
	wire(direction, head, bytes, text) {
		const list = this.root.querySelector(".wire");
		const item = document.createElement("li");
		const title = document.createElement("span");

		this.bytes += bytes;
		item.className = direction;
		title.className = "head";
		title.textContent = `${head} · ${bytes} B\n`;
		item.append(title, text.length > 2000 ? `${text.slice(0, 2000)}…` : text);
		list.append(item);
		while (list.children.length > ROWS)
			list.firstChild.remove();
		list.scrollTop = list.scrollHeight;
		this.figures();
	}

	draw() {
		if (this.drawing)
			return;
		this.drawing = true;
		requestAnimationFrame(() => {
			this.drawing = false;
			this.figures();
			this.sparkline();
		});
	}

	figures() {
		const show = (name, text) => {
			this.root.querySelector(`[data-figure="${name}"]`).textContent = text;
		};

		show("received", this.received);
		show("replayed", this.replayed);
		show("lost", this.lost);
		show("median", milliseconds(median(this.latencies)));
		show("last", milliseconds(this.latencies.at(-1)));
		show("bytes", this.received ? Math.round(this.bytes / this.received) : "–");
	}

	sparkline() {
		const { width, height } = this.canvas;
		const pen = this.canvas.getContext("2d");
		const top = Math.max(4, ...this.latencies);

		pen.clearRect(0, 0, width, height);
		pen.fillStyle = getComputedStyle(this.canvas).color;
		this.latencies.forEach((value, i) => {
			const bar = Math.max(2, (value / top) * height);

			pen.fillRect((i * width) / LATENCIES, height - bar,
				width / LATENCIES - 1, bar);
		});
	}
}
