/** Preloaded into a process whose clock is to jump: the wall clock is off by as many milliseconds as the file named by CHAOS_CLOCK says. */
import { readFileSync } from 'node:fs'

const REREAD_MS = 100

const file = process.env['CHAOS_CLOCK']
const realNow = Date.now
const RealDate = Date
let offsetMs = 0

function reread(): void {
  try {
    offsetMs = Number(readFileSync(file!, 'utf8')) || 0
  } catch {
    offsetMs = 0
  }
}

if (file !== undefined) {
  reread()
  setInterval(reread, REREAD_MS).unref()
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args) =>
      args.length === 0 ? new target(realNow() + offsetMs) : Reflect.construct(target, args),
    get: (target, name) => (name === 'now' ? () => realNow() + offsetMs : Reflect.get(target, name)),
  })
}
