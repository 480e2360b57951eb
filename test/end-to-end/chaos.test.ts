/** The faults that are most frequent, on real processes and three brokers: the short form of `npm run chaos`. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { printable } from '../../load/chaos/report.ts'
import { runChaos } from '../../load/chaos/run.ts'
import { describeWithJars } from '../support/kafka.ts'

const SEED = 20_260_417
const SCENARIOS = ['kill-roles', 'freeze', 'lossy', 'kill-leader']

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'beamline-chaos-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

await describeWithJars('faults on three brokers', (version) => {
  it('lose nothing and do nothing twice, and what is ruined is said', { timeout: 1_800_000 }, async () => {
    const report = await runChaos({ folder, minutes: 1.2, seed: SEED, scenarios: SCENARIOS, version })
    expect(report, printable(report)).toMatchObject({
      ok: true,
      lost: 0,
      doubled: 0,
      illegal: 0,
      violations: 0,
      problems: [],
      neverStruck: [],
    })
    expect(report.verified).toBeGreaterThan(100)
    const struck = ['kill -9 tasks', 'frozen in a transaction', 'fenced at EndTxn', 'lose endTxn', 'kill -9 leader']
    for (const fault of [...struck, 'changelog flipped', 'changelog deleted']) {
      expect(report.struck[fault], fault).toBeGreaterThan(0)
    }
  })
})
