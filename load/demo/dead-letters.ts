/** The demo's repair of what went wrong: each group of dead letters is planned, then replayed, patched or discarded. */
import type { Submission } from '../process/api-client.ts'
import type { LetterGroup, Operator } from './repair.ts'

/** Replays every group; what was sent wrongly is patched. Answers how many letters went which way. */
export async function dealWith(
  groups: readonly LetterGroup[],
  operator: Operator,
  sinkUrl: string,
  say: (text: string) => void,
): Promise<ReadonlyMap<string, number>> {
  const done = new Map<string, number>()
  const count = (what: string, letters: number): void => void done.set(what, (done.get(what) ?? 0) + letters)
  for (const group of groups) {
    const name = group.flow === null ? 'ingest' : `${group.flow}/${group.step_id}`
    say(`  ${group.open} x ${name}, ${group.code}: ${group.message.slice(0, 90)}`)
    if (group.category === 'run_failed') {
      const plan = await operator.plan(group)
      say(`    plan: ${plan.matched} new runs that go on after ${plan.continuesAfter.join(', ') || 'the beginning'}`)
      const misaddressed = group.code === 'HTTP_REQUEST_FAILED'
      const patch = misaddressed ? { patch: { sink: sinkUrl } } : {}
      const replayed = await operator.replay(group, { rate: 200, reason: 'sink repaired', ...patch })
      count(misaddressed ? 'runs replayed with a corrected address' : 'runs replayed as they were', replayed)
    } else {
      const { replayed, discarded } = await operator.repairRecords(group, withTextTitle, 'the film has no title')
      count('records replayed with a corrected title', replayed)
      count('records discarded: a film without a title', discarded)
    }
  }
  return done
}

/** Titles such as 300 or 1776 are numbers in the data set; one film has none. */
function withTextTitle(submission: Submission): Submission | null {
  const input = submission.input as { readonly movie: { readonly Title: unknown } }
  if (input.movie.Title === null) return null
  return { ...submission, input: { ...input, movie: { ...input.movie, Title: String(input.movie.Title) } } }
}
