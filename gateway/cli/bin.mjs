#!/usr/bin/env node
// Plain JavaScript, since any Node may start it: finds a Node that is new enough and hands over to the real program.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { homedir, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NEEDED_MAJOR = 24
const PLENTY_BYTES = 2 * 1024 ** 3
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** The checkout's source if it is there, else what was built for the package. */
function programPath() {
  for (const path of [join(root, 'wiring', 'command.ts'), join(root, 'dist', 'wiring', 'command.js')])
    if (existsSync(path)) return path
  throw new Error(
    `the program is missing: neither wiring/command.ts nor dist/wiring/command.js is in ${root}; install the package again`,
  )
}

/** This process's Node if it is new enough, else the one that comes as the npm package `node`. */
function nodePath() {
  if (Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR) return process.execPath
  try {
    const require = createRequire(import.meta.url)
    const folder = dirname(require.resolve('node/package.json'))
    const file = process.platform === 'win32' ? 'node.exe' : 'node'
    const path = join(folder, 'bin', file)
    if (existsSync(path)) return path
  } catch {
    // Said below.
  }
  throw new Error(
    `Node ${NEEDED_MAJOR} or newer is needed, this is ${process.versions.node}, and the npm package 'node' is not installed; ` +
      `install the package again with its install scripts allowed, or use a newer Node`,
  )
}

/**
 * Of V8. `--initial-old-space-size`: a heap that is smaller, in MB (and all of it with its buffers smaller than twice as much), is not looked through as a whole; so inputs of
 * 64 KiB, whose buffers V8 would otherwise collect several times a second, keep nobody waiting. Not where memory is scarce, and only for the Node they were tried on: another
 * one may not know them and would not start.
 */
function nodeFlags(node) {
  const untried = node === process.execPath && Number(process.versions.node.split('.')[0]) !== NEEDED_MAJOR
  const memory = Math.min(totalmem(), process.constrainedMemory?.() || Number.POSITIVE_INFINITY)
  if (untried || memory < PLENTY_BYTES) return []
  return readFileSync(new URL('./node-flags', import.meta.url), 'utf8')
    .split(/\s+/)
    .filter(Boolean)
}

/** Compiled code is kept from one start to the next, which halves the time to start. Node goes without where the folder cannot be written. */
function compileCache() {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'beamline', 'compiled')
}

function run() {
  const node = nodePath()
  const child = spawn(node, [...nodeFlags(node), programPath(), ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { NODE_COMPILE_CACHE: compileCache(), ...process.env, NODE_NO_WARNINGS: '1' },
  })
  // The terminal sends Ctrl-C to both; only the child decides when it ends.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => signal !== 'SIGINT' && child.kill(signal))
  child.on('error', (error) => {
    console.error(`error: ${error.message}`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeAllListeners(name)
    process.kill(process.pid, signal)
  })
}

try {
  run()
} catch (error) {
  console.error(`error: ${error.message}`)
  process.exit(1)
}
