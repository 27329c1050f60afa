// SPDX-License-Identifier: MIT
// Finds values in JSON text without parsing them, so that tests can compare
// bytes: JSON.parse changes 1.0 and 12345678901234567890.

function stringEnd(text, at) {
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === "\\")
      i++;
    else if (text[i] === '"')
      return i + 1;
  }
  throw new Error(`a string without an end: ${text}`);
}

// The index behind the value that starts at `at`; the text is valid JSON.
function valueEnd(text, at) {
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    const c = text[i];
    if (c === '"') {
      i = stringEnd(text, i) - 1;
    } else if (c === "{" || c === "[") {
      depth++;
    } else if (c === "}" || c === "]") {
      if (depth === 0)
        return i;
      depth--;
    } else if (c === "," && depth === 0) {
      return i;
    }
  }
  return text.length;
}

// The text of a member of the object that `text` is, or undefined.
export function memberText(text, name) {
  let at = text.indexOf("{") + 1;
  while (at < text.length && text[at] === '"') {
    const keyEnd = stringEnd(text, at);
    const end = valueEnd(text, keyEnd + 1);
    if (JSON.parse(text.slice(at, keyEnd)) === name)
      return text.slice(keyEnd + 1, end);
    at = end + 1;
  }
  return undefined;
}

// The text of the n-th element of the array that `text` starts with.
export function elementText(text, n) {
  let at = 1;
  for (; n > 0; n--)
    at = valueEnd(text, at) + 1;
  return text.slice(at, valueEnd(text, at));
}
