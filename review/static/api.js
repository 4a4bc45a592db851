// Talking to the program. A refused token means that it was started anew: the page fetches the new one and goes on.

let token = document.querySelector('meta[name="review-token"]').content;

export class Refused extends Error {
  constructor(status, reply) {
    super(reply.error ?? `the program answered with status ${status}`);
    this.status = status;
    this.reply = reply;
  }
}

export class Unreachable extends Error {
  constructor() { super("the program does not answer; is it still running?"); }
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unreachable();
  }
  let reply;
  try {
    reply = await response.json();
  } catch {
    throw new Refused(response.status, {});
  }
  return { status: response.status, reply };
}

export async function get(path, signal) {
  const { status, reply } = await ask(path, { signal, headers: { accept: "application/json" } });
  if (status !== 200) throw new Refused(status, reply);
  return reply;
}

// Gives { status, reply } for 2xx and 409; everything else is an error.
export function post(path, body) { return send(path, "application/json", JSON.stringify(body)); }

// Send a picture's bytes to be compared; nothing of it is kept.
export async function sendPicture(path, file) { return (await send(path, "application/octet-stream", file)).reply; }

async function send(path, type, body) {
  const send = () => ask(path, { method: "POST", headers: { "content-type": type, "x-review-token": token }, body });
  let answer = await send();
  if (answer.status === 403 && answer.reply.error === "token") {
    token = (await get("/api/start")).token;
    answer = await send();
  }
  if (answer.status < 300 || answer.status === 409) return answer;
  throw new Refused(answer.status, answer.reply);
}

export const forTarget = (target, rest = "") => `/api/targets/${encodeURIComponent(target)}${rest}`;
