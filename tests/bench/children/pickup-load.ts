// Schedules jobs at a steady rate over HTTP, whatever the answers take, and notes when each was sent and answered.
import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

const [url, token, rate, seconds] = process.argv.slice(2) as [string, string, string, string];
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const body = JSON.stringify({ task_type: 'stamp', payload: {} });
const headers = { 'x-user-auth': token, 'content-type': 'application/json', 'content-length': body.length };

// The monotonic clock of the machine, the same for every process on it.
const now = (): number => Number(process.hrtime.bigint()) / 1e6;

function post(): Promise<[string, number, number]> {
  const sent = now();
  return new Promise((resolve, reject) => {
    const call = request(`${url}/v1/jobs`, { method: 'POST', agent, headers }, (response) => {
      const answered = now();
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => {
        if (response.statusCode === 201) resolve([JSON.parse(text).id, sent, answered]);
        else reject(new Error(`${response.statusCode}: ${text}`));
      });
    });
    call.on('error', reject);
    call.end(body);
  });
}

// Connections and compiled code first: the first requests of a process are not what is asked for.
for (let i = 0; i < 20; i++) await post();
await pause(200);

const total = Number(rate) * Number(seconds);
const start = now();
const posted: Promise<[string, number, number]>[] = [];
while (posted.length < total) {
  const due = start + (posted.length * 1000) / Number(rate);
  if (now() < due) await pause(Math.max(0, due - now() - 0.5));
  else posted.push(post());
}
console.log(JSON.stringify(await Promise.all(posted)));
process.exit(0);
