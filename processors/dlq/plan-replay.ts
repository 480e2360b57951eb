import {
  type DlqPlanBody,
  type DlqPlanGroup,
  type DlqPlanLetter,
  largestFirst,
  onePerGroupFirst,
} from '../../schemas/dlq-plan.ts'
import type { PlanReplay } from '../../schemas/records/dlq.ts'
import type { Turn } from '../turn.ts'
import { openLetters } from './letter-filter.ts'
import { actionOf } from './replay-action.ts'
import type { LetterRow } from './rows.ts'

const MAX_GROUPS = 500
const MAX_SAMPLE = 1_000

/** Answers what a replay of this task's letters would do; changes nothing. */
export function onPlanReplay(turn: Turn, record: PlanReplay): void {
  turn.reply(record.replyTo, { ok: true, code: 'planned', body: planOf(turn, record) })
}

function planOf(turn: Turn, { filter, sample }: PlanReplay): DlqPlanBody {
  const groups = new Map<string, DlqPlanGroup>()
  const letters: DlqPlanLetter[] = []
  let refused = 0
  for (const { letterId, row } of openLetters(turn, filter)) {
    const action = actionOf(turn, letterId, row, null)
    const isRefused = action.kind === 'refused'
    if (isRefused) refused++
    const known = groups.get(row.fingerprint)
    groups.set(row.fingerprint, known === undefined ? groupOf(row, isRefused) : grow(known, row, isRefused))
    if (known === undefined || letters.length < MAX_SAMPLE) letters.push({ ...letterOf(letterId, row), action })
  }
  const sorted = [...groups.values()].sort(largestFirst)
  return {
    matched: sorted.reduce((sum, group) => sum + group.count, 0),
    refused,
    groups: sorted.slice(0, MAX_GROUPS),
    groups_left_out: Math.max(0, sorted.length - MAX_GROUPS),
    letters: onePerGroupFirst(letters, Math.min(sample, MAX_SAMPLE)),
  }
}

function groupOf(row: LetterRow, refused: boolean): DlqPlanGroup {
  return {
    fingerprint: row.fingerprint,
    category: row.category,
    code: row.error.code,
    flow: row.flow,
    step_id: row.stepId,
    message: row.error.message,
    count: 1,
    refused: refused ? 1 : 0,
    first_seen_ms: row.atMs,
    last_seen_ms: row.atMs,
  }
}

function grow(group: DlqPlanGroup, row: LetterRow, refused: boolean): DlqPlanGroup {
  return {
    ...group,
    count: group.count + 1,
    refused: group.refused + (refused ? 1 : 0),
    first_seen_ms: Math.min(group.first_seen_ms, row.atMs),
    last_seen_ms: Math.max(group.last_seen_ms, row.atMs),
  }
}

function letterOf(letterId: string, row: LetterRow): Omit<DlqPlanLetter, 'action'> {
  return {
    letter_id: letterId,
    fingerprint: row.fingerprint,
    category: row.category,
    run_id: row.runId,
    flow: row.flow,
    step_id: row.stepId,
    code: row.error.code,
    message: row.error.message,
    at_ms: row.atMs,
    parent_letter_id: row.parentLetterId,
  }
}
