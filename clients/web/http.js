// SPDX-License-Identifier: MIT
// What HTTP adds: the sizes of heads. A page can read a response's head, but
// not what the browser put in front of its own request, so the server is asked
// once what such a request looks like (GET /lab/request).
import { byteLength } from "./panel.js";

let sample = "";

export async function measureRequest() {
	const answer = await fetch("/lab/request");

	if (answer.ok)
		sample = await answer.text();
}

// A request like the sample, with another first line and its body's headers.
export function requestHead(method, path, body, type) {
	const rest = sample.slice(sample.indexOf("\r\n") + 2);
	let head = `${method} ${path} HTTP/1.1\r\n`;

	if (body !== null && body !== undefined)
		head += `Content-Length: ${byteLength(body)}\r\nContent-Type: ${type}\r\n`;
	return head + (rest === "" ? "\r\n" : rest);
}

export function responseHead(status, statusText, headers) {
	return `HTTP/1.1 ${status} ${statusText}\r\n${headers}\r\n`;
}

// Tells `seen` of every exchange of every XMLHttpRequest made from now on.
export function watchRequests(seen) {
	const Original = window.XMLHttpRequest;

	window.XMLHttpRequest = class extends Original {
		open(method, url, ...rest) {
			const where = new URL(url, location.href);

			this.asked = { method, path: where.pathname + where.search };
			super.open(method, url, ...rest);
		}

		send(body) {
			const { method, path } = this.asked;

			seen("out", `${method} ${path}`,
				requestHead(method, path, body, "text/plain;charset=UTF-8"),
				body || "");
			this.addEventListener("load", () => seen("in",
				`${this.status} ${this.statusText}`,
				responseHead(this.status, this.statusText,
					this.getAllResponseHeaders()),
				typeof this.response === "string" ? this.response : ""));
			super.send(body);
		}
	};
}
