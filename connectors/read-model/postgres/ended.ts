/** Which of these runs have ended. */
import type { RunId } from '../../../schemas/ids.ts'
import type { Db } from '../queries/walk.ts'
import { runKey } from '../rows.ts'

const AT_ONCE = 1000

export async function endedOf(db: Db, runs: readonly RunId[]): Promise<RunId[]> {
  const ended: RunId[] = []
  for (let at = 0; at < runs.length; at += AT_ONCE) {
    const part = runs.slice(at, at + AT_ONCE)
    const rows = await db
      .selectFrom('runs')
      .select('run_id')
      .where('run_key', 'in', part.map(runKey))
      .where('run_id', 'in', part)
      .where('finished_at_ms', 'is not', null)
      .execute()
    ended.push(...rows.map((row) => row.run_id as RunId))
  }
  return ended
}
