/**
 * The bodies of the replies to `PlanReplay`, `ReplayDeadLetters` and `DiscardDeadLetters`. Each task answers for its own share; the
 * gateway merges the answers of all partitions with the functions here.
 */

/** Letters with one fingerprint, i.e. that failed alike. */
export interface DlqPlanGroup {
  readonly fingerprint: string
  readonly category: string
  readonly code: string
  /** `null` for records that never became a run. */
  readonly flow: string | null
  /** The step that failed; `null` when it was the run or a record. */
  readonly step_id: string | null
  /** Message of the group's oldest letter, as it was. */
  readonly message: string
  readonly count: number
  /** How many of them a replay would refuse. */
  readonly refused: number
  readonly first_seen_ms: number
  readonly last_seen_ms: number
}

/** What a replay would do with one letter. */
export type DlqPlanAction =
  | {
      readonly kind: 'new_run'
      readonly flow: string
      readonly version: number
      /** Steps whose outputs are taken over; the new run goes on after them. */
      readonly continues_after: readonly string[]
    }
  | {
      readonly kind: 'append_record'
      readonly topic: string
      readonly partition: number
      readonly size_bytes: number
    }
  | {
      readonly kind: 'refused'
      /** `FLOW_VERSION_UNKNOWN`, `TOPIC_UNKNOWN` or `NOTHING_TO_REPLAY`; in a replay with a patch also `PATCH_NEEDS_ONE_RECORD`, `INVALID_INPUT` or `INVALID_RECORD`. */
      readonly code: string
      readonly message: string
    }

export interface DlqPlanLetter {
  readonly letter_id: string
  readonly fingerprint: string
  readonly category: string
  readonly run_id: string | null
  readonly flow: string | null
  readonly step_id: string | null
  readonly code: string
  readonly message: string
  readonly at_ms: number
  /** The letter whose replay failed and made this one. */
  readonly parent_letter_id: string | null
  readonly action: DlqPlanAction
}

/** Reply to `PlanReplay`, code `planned`. Counts open letters only. */
export interface DlqPlanBody {
  readonly matched: number
  /** Matched letters that a replay would refuse; they stay open. */
  readonly refused: number
  /** The largest first. */
  readonly groups: readonly DlqPlanGroup[]
  /** Groups that did not fit in the answer. */
  readonly groups_left_out: number
  /** A sample: first one letter of each group, then more. */
  readonly letters: readonly DlqPlanLetter[]
}

/** Reply to `ReplayDeadLetters`, code `scheduled`, or `already_scheduled` when the replay id is known (with the first answer's numbers). */
export interface DlqReplayBody {
  readonly replay_id: string
  readonly matched: number
  readonly scheduled: number
  readonly refused: number
  /** Why the first of those are refused; none where the first answer is given again. */
  readonly refusals: readonly DlqRefusal[]
}

export interface DlqRefusal {
  readonly letter_id: string
  readonly code: string
  readonly message: string
}

export const SHOWN_REFUSALS = 5

/** Reply to `DiscardDeadLetters`, code `discarded`. */
export interface DlqDiscardBody {
  readonly matched: number
  readonly discarded: number
}

/** One plan out of all partitions' plans, with at most `sample` letters. */
export function mergePlans(plans: readonly DlqPlanBody[], sample: number): DlqPlanBody {
  const groups = new Map<string, DlqPlanGroup>()
  for (const group of plans.flatMap((plan) => plan.groups)) {
    const known = groups.get(group.fingerprint)
    groups.set(group.fingerprint, known === undefined ? group : mergeGroups(known, group))
  }
  return {
    matched: sum(plans.map((plan) => plan.matched)),
    refused: sum(plans.map((plan) => plan.refused)),
    groups: [...groups.values()].sort(largestFirst),
    groups_left_out: sum(plans.map((plan) => plan.groups_left_out)),
    letters: onePerGroupFirst(
      plans.flatMap((plan) => plan.letters),
      sample,
    ),
  }
}

export function mergeReplays(bodies: readonly DlqReplayBody[]): DlqReplayBody {
  return {
    replay_id: bodies[0]?.replay_id ?? '',
    matched: sum(bodies.map((body) => body.matched)),
    scheduled: sum(bodies.map((body) => body.scheduled)),
    refused: sum(bodies.map((body) => body.refused)),
    refusals: bodies.flatMap((body) => body.refusals ?? []).slice(0, SHOWN_REFUSALS),
  }
}

export function mergeDiscards(bodies: readonly DlqDiscardBody[]): DlqDiscardBody {
  return { matched: sum(bodies.map((body) => body.matched)), discarded: sum(bodies.map((body) => body.discarded)) }
}

/** Order of groups in a plan. */
export function largestFirst(a: DlqPlanGroup, b: DlqPlanGroup): number {
  return b.count - a.count || (a.fingerprint < b.fingerprint ? -1 : 1)
}

/** Up to `limit` of the letters: the first of each fingerprint, then others in order. */
export function onePerGroupFirst<T extends { readonly fingerprint: string }>(
  letters: readonly T[],
  limit: number,
): T[] {
  const seen = new Set<string>()
  const others: T[] = []
  const chosen: T[] = []
  for (const letter of letters) {
    if (seen.has(letter.fingerprint)) others.push(letter)
    else chosen.push(letter)
    seen.add(letter.fingerprint)
  }
  return chosen.concat(others).slice(0, Math.max(0, limit))
}

function mergeGroups(a: DlqPlanGroup, b: DlqPlanGroup): DlqPlanGroup {
  const older = a.first_seen_ms <= b.first_seen_ms ? a : b
  return {
    ...older,
    count: a.count + b.count,
    refused: a.refused + b.refused,
    last_seen_ms: Math.max(a.last_seen_ms, b.last_seen_ms),
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0)
}
