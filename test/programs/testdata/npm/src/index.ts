import { createServer, Server } from 'http';
import { Worker } from 'worker_threads';
import { mask, unmask } from './mask';

export { mask, unmask };

export interface Counted {
  word: string;
  count: number;
}

/** The words of a text, the most frequent first. */
export function count(text: string): Counted[] {
  const counts = new Map<string, number>();
  for (const word of text.toLowerCase().match(/[a-z]+/g) ?? []) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts]
    .map(([word, n]) => ({ word, count: n }))
    .sort((a, b) => b.count - a.count || a.word.localeCompare(b.word));
}

/** A server that answers a text with its words as JSON. */
export function serve(): Server {
  return createServer((request, answer) => {
    let text = '';
    request.on('data', (chunk) => { text += chunk; });
    request.on('end', () => answer.end(JSON.stringify(count(text))));
  });
}

/** The n-th Fibonacci number, computed in a thread of its own. */
export function fibonacci(n: number): Promise<number> {
  const text = `const { parentPort, workerData } = require('worker_threads');
    const f = (n) => n < 2 ? n : f(n - 1) + f(n - 2);
    parentPort.postMessage(f(workerData));`;
  return new Promise((done, failed) => {
    new Worker(text, { eval: true, workerData: n }).on('message', done).on('error', failed);
  });
}
