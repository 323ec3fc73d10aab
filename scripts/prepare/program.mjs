import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { PreparationError } from './preparationError.mjs';

/** Lines of output kept for the error message. */
const tailLines = 15;

/** What a resolver, a registry client or a socket says when there is no way out. */
const networkTrouble = new RegExp(
  [
    // Node and npm
    'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT',
    // pip
    'NewConnectionError|NameResolutionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|SSLError',
    'Failed to establish a new connection|Network is unreachable',
    // the C library, curl and apt
    'Temporary failure in name resolution|Temporary failure resolving|Name or service not known|Could not resolve',
  ].join('|'),
);
const diskTrouble = /ENOSPC|No space left on device/;

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();

/**
 * Runs a program to its end and gives its standard output. It has its own process group, so that it ends with
 * everything it started when this process is told to stop.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, onLine?: (line: string) => void }} [options] `onLine` gets each line of both streams
 * @returns {Promise<string>}
 * @throws {PreparationError} if it can't be started or ends with another code than 0
 */
export function runProgram(command, args, { cwd, env = process.env, onLine } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    running.add(child);
    /** @type {string[]} */
    const tail = [];
    /** @type {string[]} */
    const output = [];
    /** @param {string} line */
    const take = (line) => {
      tail.push(line);
      if (tail.length > tailLines) tail.shift();
      onLine?.(line);
    };
    createInterface({ input: child.stdout }).on('line', (line) => {
      output.push(line);
      take(line);
    });
    createInterface({ input: child.stderr }).on('line', take);
    child.once('error', (error) => {
      running.delete(child);
      reject(new PreparationError('missingTool', `${command} can't be started (${error.message}).`));
    });
    child.once('close', (code, signal) => {
      running.delete(child);
      if (code === 0) resolve(output.join('\n'));
      else
        reject(
          failure(`${command} ${args.join(' ')}`, code === null ? `signal ${signal}` : `code ${code}`, tail.join('\n')),
        );
    });
  });
}

/**
 * @param {string} commandLine
 * @param {string} ending
 * @param {string} tail
 */
function failure(commandLine, ending, tail) {
  const said = `${commandLine} ended with ${ending}:\n${tail}`;
  if (diskTrouble.test(tail))
    return new PreparationError(
      'noDiskSpace',
      `${said}\nThe disk is full. Free some space, then run the same command again.`,
    );
  if (networkTrouble.test(tail)) {
    return new PreparationError(
      'noNetwork',
      `${said}\nThe package registry can't be reached. Check the network (and the proxy settings), then run the same command again: what is here already is kept.`,
    );
  }
  return new PreparationError('failed', said);
}

/** Ends every program that `runProgram` started and that still runs, with all of its children. */
export function endRunningPrograms() {
  for (const child of running) {
    if (child.pid === undefined) continue;
    try {
      process.kill(-child.pid, 'SIGTERM');
    } catch {
      child.kill('SIGTERM');
    }
  }
}
