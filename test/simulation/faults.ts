/** Which faults strike, how often, and how often they really did. */
import type {
  AppendFault,
  CommitFault,
  LogVerb,
  MemoryFaults,
  ReportFault,
} from '../../connectors/log-memory/faults.ts'
import type { Prng } from './prng.ts'

export const FAULT_NAMES = [
  'commit_lost',
  'commit_applied_unknown',
  'log_full',
  'commit_log_full',
  'append_lost',
  'append_applied_unknown',
  'append_log_full',
  'append_duplicate',
  'report_lost',
  'report_applied_unknown',
  'report_log_full',
  'report_duplicate',
  'report_from_zombie',
  'offset_gap',
  'visible_records_taken_back',
  'task_read_too_far',
  'member_read_too_far',
  'crash',
  'crash_with_commit_in_flight',
  'restart',
  'zombie',
  'session_lost',
  'task_stolen',
  'orderly_drain',
  'rebalance_tasks',
  'rebalance_pool',
  'clock_forward',
  'clock_back',
  'clock_skew',
  'snapshot_deleted',
  'task_fenced',
  'task_reopened',
  'poison_record',
  'processor_threw',
  'duplicate_submission',
  'conflicting_submission',
  'misdirected_submission',
  'other_sticky_key',
  'key_without_run_id',
  'cancel',
  'letter_replay',
  'letter_discard',
  'replay_repeated',
  'attempt_executed_again',
  'attempt_lost',
  'late_result_dropped',
  'step_carried_forward',
  'run_deadline',
  'step_timeout',
  'unfused',
  'bulk_operation',
  'bulk_cancelled',
  'bulk_began_run',
] as const
export type FaultName = (typeof FAULT_NAMES)[number]

export type FaultCounts = Map<FaultName, number>

export interface FaultPlan {
  readonly counts: FaultCounts
  /** While false nothing new strikes: the time in which everything must come to its end. */
  active: boolean
  struck(name: FaultName, by?: number): void
  /** Decides whether a fault of this probability strikes now, and counts it. */
  strike(name: FaultName, probability: number): boolean
  readonly hooks: MemoryFaults
}

/**
 * @param intensity 0: no faults at all; 1: as usual
 * @param eager the log writes in groups, which are fewer than commits and appends, and fail as often
 */
export function createFaults(random: Prng, intensity: number, eager: boolean, nowMs: () => number): FaultPlan {
  const counts: FaultCounts = new Map()
  // each history has its own mix: some faults often, some never
  const weight = new Map(FAULT_NAMES.map((name) => [name, intensity * random.pick([0, 0.5, 1, 1, 3])]))
  const slow = random.pick([0, 1, 5, 40])
  // the longer a group is written, the more is built on it
  const slowGroups = eager ? random.pick([0, 20, 200]) : 0
  // once it is full, a log stays so for a while
  const full = { untilMs: 0 }
  const isFull = () => {
    if (plan.active && nowMs() < full.untilMs) return true
    if (!plan.strike('log_full', 0.004)) return false
    full.untilMs = nowMs() + random.int(3_000)
    return true
  }
  const plan: FaultPlan = {
    counts,
    active: true,
    struck: (name, by = 1) => void counts.set(name, (counts.get(name) ?? 0) + by),
    strike(name, probability) {
      if (!plan.active || !random.chance(probability * weight.get(name)!)) return false
      plan.struck(name)
      return true
    },
    hooks: {
      commit: () => pick(plan, 'commit', eager ? 0.04 : 0.015, isFull) as CommitFault,
      append: () => pick(plan, 'append', 0.015, isFull) as AppendFault,
      report: (isOwner) => {
        if (isOwner) return pick(plan, 'report', 0.015, isFull) as ReportFault
        return plan.strike('report_from_zombie', 0.5) ? 'unfenced_results' : 'none'
      },
      latencyMs: (verb) => latency(random, verb, slow) + (verb === 'commit' ? random.int(slowGroups + 1) : 0),
      takenBack: (records) => plan.struck('visible_records_taken_back', records),
      readTooFar: (who) => plan.struck(`${who}_read_too_far`),
      gap: () => (plan.strike('offset_gap', 0.05) ? 1 + random.int(3) : 0),
    },
  }
  return plan
}

function pick(
  plan: FaultPlan,
  verb: 'commit' | 'append' | 'report',
  often: number,
  isFull: () => boolean,
): AppendFault {
  if (plan.strike(`${verb}_lost`, often)) return 'lost'
  if (plan.strike(`${verb}_applied_unknown`, often)) return 'applied_unknown'
  if (isFull()) {
    plan.struck(`${verb}_log_full`)
    return 'log_full'
  }
  if (verb !== 'commit' && plan.strike(`${verb}_duplicate`, 0.03)) return 'duplicate'
  return 'none'
}

function latency(random: Prng, verb: LogVerb, slow: number): number {
  if (verb === 'notify') return random.chance(0.2) ? random.int(3 + slow) : 0
  const base = random.chance(0.3) ? 0 : 1 + random.int(1 + slow)
  return random.chance(0.02) ? base + random.int(2_000) : base
}
