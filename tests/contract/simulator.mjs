// Starts the simulator for one test file, and what the tests ask of its admin API.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const bin = process.env.CALFLEET_BIN_DIR;
if (!bin) {
  throw new Error('CALFLEET_BIN_DIR must name the folder of calfleet-simulator');
}

export async function startSimulator(...options) {
  const child = spawn(
    join(bin, 'calfleet-simulator'),
    ['--listen', '127.0.0.1:0', '--allow-http-webhooks', ...options],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const urls = JSON.parse(line);
  return {
    ...urls,
    async admin(method, path, body) {
      const answer = await fetch(`${urls.admin_url}/${path}`, {
        method,
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      const value = await answer.json();
      if (!answer.ok) {
        throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(value)}`);
      }
      return value;
    },
    async stop() {
      child.kill('SIGTERM');
      const [code] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode];
      return code;
    },
  };
}

// A receiver of notifications: wait(n) gives the first n of them.
export async function startReceiver() {
  const got = [];
  const waiting = [];
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      got.push(request.headers);
      response.writeHead(204).end();
      waiting.forEach((check) => check());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}/hook`,
    wait(count, timeoutMs = 5000) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`${got.length} of ${count} messages`)), timeoutMs);
        const check = () => {
          if (got.length >= count) {
            clearTimeout(timer);
            resolve(got.slice(0, count));
          }
        };
        waiting.push(check);
        check();
      });
    },
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
