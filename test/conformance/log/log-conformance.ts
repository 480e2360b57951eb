/** The one suite that says what a log must do; every adapter runs it. */
import { afterEach, beforeEach, describe } from 'vitest'
import type { Log } from '../../../topology/log/port.ts'
import { appendAndRead } from './append-and-read.ts'
import { faults } from './faults.ts'
import type { LogHarness, MakeHarness } from './harness.ts'
import { pools } from './pools.ts'
import { tasks } from './tasks.ts'

/** Runs the suite on an adapter; `makeHarness` is called for each test and starts with empty storage. */
export function logConformance(name: string, makeHarness: MakeHarness): void {
  describe(`log conformance: ${name}`, () => {
    let harness: LogHarness
    let last: Log | null = null
    beforeEach(async () => {
      harness = await makeHarness()
    })
    afterEach(async () => {
      await last?.close().catch(() => {})
      last = null
      await harness.dispose()
    })
    const opened = (log: Log): Log => {
      last = log
      return log
    }
    describe('append and read', () => appendAndRead(() => harness, opened))
    describe('tasks', () => tasks(() => harness, opened))
    describe('pools', () => pools(() => harness, opened))
    describe('faults', () => faults(() => harness, opened))
  })
}
