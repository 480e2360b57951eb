import { readdirSync, readFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { realEnvironment } from '../../../connectors/environment.ts'
import { openSqliteReadModel, type SqliteReadModel } from '../../../connectors/read-model/sqlite/sqlite-read-model.ts'

/** The nice value is the 19th field; the second one, in parentheses, may have spaces. */
const niceOf = (stat: string): number =>
  Number(
    stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .at(16),
  )

function threadsByNice(): Map<number, number> {
  const counts = new Map<number, number>()
  for (const thread of readdirSync('/proc/self/task')) {
    const nice = niceOf(readFileSync(`/proc/self/task/${thread}/stat`, 'utf8'))
    counts.set(nice, (counts.get(nice) ?? 0) + 1)
  }
  return counts
}

/** That nobody else has, be the whole run at 10. */
const NICE = 17
const ownNice = (): number => niceOf(readFileSync(`/proc/${process.pid}/stat`, 'utf8'))

let model: SqliteReadModel | null = null
afterEach(() => model?.close())

describe.runIf(process.platform === 'linux')("the read model's thread", () => {
  it('gives way to the others when that is asked for, and only that thread does', async () => {
    const before = threadsByNice()
    const own = ownNice()
    const source = { kind: 'push' } as const
    const common = { environment: realEnvironment, file: ':memory:', partitions: 1, source }
    model = await openSqliteReadModel({ ...common, nice: NICE })
    expect(threadsByNice().get(NICE)).toBe((before.get(NICE) ?? 0) + 1)
    expect(ownNice()).toBe(own)
    await model.close()
    model = await openSqliteReadModel(common)
    expect(threadsByNice().get(NICE)).toBe(before.get(NICE))
  })
})
