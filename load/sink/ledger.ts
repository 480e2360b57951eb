/**
 * An append-only record of effects, kept by the receiver of the calls and so independent of Beamline. One JSON object a line:
 *
 *     {"key": "<tenant>/<run>/<step>/<attempt>", "item": "...", "at_ms": 1700000000000}
 *
 * A repeated key is the same effect asked for again: the receiver answers as before and does nothing; the line is written all the same.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'

export interface Effect {
  readonly key: string
  /** What the effect was done to. */
  readonly item: string
  readonly at_ms: number
}

export class Ledger {
  readonly effects: Effect[] = []
  /** Calls whose key was known already. */
  repeats = 0
  readonly #keys = new Set<string>()
  readonly #file: number

  constructor(path: string) {
    this.#file = openSync(path, 'a')
  }

  /** False if the effect was there already. */
  add(effect: Effect): boolean {
    writeSync(this.#file, `${JSON.stringify(effect)}\n`)
    if (this.#keys.has(effect.key)) {
      this.repeats++
      return false
    }
    this.#keys.add(effect.key)
    this.effects.push(effect)
    return true
  }

  close(): void {
    closeSync(this.#file)
  }
}

export function readLedger(path: string): readonly Effect[] {
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Effect)
}
