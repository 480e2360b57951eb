import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { crashRounds } from '../../load/crash/crash.ts'
import { verifyFolder } from '../../load/process/verify-folder.ts'

const ROUNDS = 20
const SEED = 20_240_617

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'beamline-crash-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

test(`${ROUNDS} times kill -9 under load: nothing is lost, nothing is done twice`, async () => {
  const outcome = await crashRounds({ folder, rounds: ROUNDS, seed: SEED })
  const report = await verifyFolder(outcome.dataFolder, outcome.ledgerFile, outcome.historyFile)

  expect(report.violations).toEqual([])
  expect(report).toMatchObject({ ok: true, complete: true, open: 0, lost: 0, doubled: 0, illegalTransitions: 0 })
  expect(report.client).toMatchObject({ missing: 0 })
  expect(outcome.kills).toBe(ROUNDS)
  // the load was real, and the kills struck it
  expect(outcome.accepted).toBeGreaterThan(20 * ROUNDS)
  expect(outcome.unanswered).toBeGreaterThan(0)
  expect(outcome.statuses.completed).toBeGreaterThan(0)
  expect(outcome.statuses.failed ?? 0).toBe(0)
  expect(Object.values(outcome.statuses).reduce((sum, count) => sum + count, 0)).toBe(outcome.accepted)
})
