/**
 * What is to be done so that the topics are as a deployment needs them. Pure. Nothing is planned by which records could be lost; where only that would
 * help, or the damage may have been done, the plan refuses and says why.
 */
import { MIN_WORK_RETENTION_MS, type TopicUse, type WantedTopic } from './topic-settings.ts'

export interface ExistingTopic {
  readonly name: string
  readonly partitions: number
  /** Of the partition that has the fewest copies. */
  readonly replicationFactor: number
  /** `null`: the broker does not tell (no permission to describe configurations). */
  readonly config: ReadonlyMap<string, string> | null
  /** No partition holds a record. */
  readonly empty: boolean
}

export interface TopicCreation {
  readonly kind: 'create'
  readonly topic: WantedTopic
}

export interface TopicChange {
  readonly kind: 'alter'
  readonly topic: string
  readonly setting: string
  readonly from: string
  readonly to: string
  /** Without the change the deployment must not be opened. */
  readonly required: boolean
}

export interface TopicRefusal {
  readonly kind: 'refuse'
  readonly topic: string
  readonly problem: 'partitions' | 'replication' | 'cleanup'
  readonly reason: string
}

export interface TopicNote {
  readonly kind: 'note'
  readonly topic: string
  readonly text: string
}

export type TopicStep = TopicCreation | TopicChange | TopicRefusal | TopicNote
export type TopicsPlan = readonly TopicStep[]

export function planTopics(existing: ReadonlyMap<string, ExistingTopic>, wanted: readonly WantedTopic[]): TopicsPlan {
  return wanted.flatMap((topic): readonly TopicStep[] => {
    const found = existing.get(topic.name)
    return found === undefined ? [{ kind: 'create', topic }] : planTopic(found, topic)
  })
}

function planTopic(found: ExistingTopic, wanted: WantedTopic): readonly TopicStep[] {
  const { name } = wanted
  const steps: TopicStep[] = []
  if (found.partitions !== wanted.partitions) {
    const reason = `has ${found.partitions} partitions; expected ${wanted.partitions}. Records find their partition by their number, so it cannot be changed: give the topic's number, or delete the topic if it is nobody's`
    steps.push({ kind: 'refuse', topic: name, problem: 'partitions', reason })
  }
  if (wanted.replicationFactor !== null && found.replicationFactor < wanted.replicationFactor) {
    const reason = `has ${found.replicationFactor} copies; expected ${wanted.replicationFactor}. Raise them with kafka-reassign-partitions`
    steps.push({ kind: 'refuse', topic: name, problem: 'replication', reason })
  }
  if (found.config === null) {
    steps.push({ kind: 'note', topic: name, text: 'its settings cannot be seen (DescribeConfigs is not allowed)' })
    return steps
  }
  for (const [setting, to] of Object.entries(wanted.config)) {
    const from = found.config.get(setting)
    if (from !== undefined && from !== to) steps.push(...planSetting(found, wanted, setting, from, to))
  }
  return steps
}

function planSetting(
  found: ExistingTopic,
  { name, use }: WantedTopic,
  setting: string,
  from: string,
  to: string,
): readonly TopicStep[] {
  const alter = (required: boolean): TopicStep => ({ kind: 'alter', topic: name, setting, from, to, required })
  const note = (text: string): TopicStep => ({ kind: 'note', topic: name, text })
  switch (setting) {
    case 'cleanup.policy':
      if (found.empty) return [alter(true)]
      return [{ kind: 'refuse', topic: name, problem: 'cleanup', reason: wrongCleanup(from, to) }]
    case 'retention.ms':
    case 'retention.bytes':
      if (isLonger(from, to)) return [note(`${setting} is ${from}, more than ${to}; it is left so`)]
      return [alter(isTooShort(use, setting, from))]
    case 'delete.retention.ms':
    case 'max.message.bytes':
    case 'min.insync.replicas':
      return Number(from) < Number(to) ? [alter(false)] : []
    case 'message.timestamp.type':
      return [alter(false)]
    default:
      // the rest is a matter of speed
      return []
  }
}

function wrongCleanup(from: string, to: string): string {
  const harm =
    to === 'compact' ? 'state that is still needed may have been deleted' : 'records without a key are refused by it'
  return `has cleanup.policy=${from}; expected ${to}. It holds records, and ${harm}: restore the topic, or delete it if it is nobody's`
}

function isLonger(from: string, to: string): boolean {
  return Number(to) !== -1 && (Number(from) === -1 || Number(from) > Number(to))
}

function isTooShort(use: TopicUse, setting: string, from: string): boolean {
  if (use === 'control' || use === 'deployment') return true
  return use === 'work' && setting === 'retention.ms' && Number(from) < MIN_WORK_RETENTION_MS
}

/** The steps in words, one line each. */
export function planText(plan: TopicsPlan): readonly string[] {
  return plan.map((step) => {
    switch (step.kind) {
      case 'create': {
        const { name, partitions, replicationFactor, config } = step.topic
        const copies = replicationFactor === null ? "the broker's number of copies" : `${replicationFactor} copies`
        const settings = Object.entries(config).map(([setting, value]) => `${setting}=${value}`)
        return `create ${name}: ${partitions} partitions, ${copies}, ${settings.join(' ')}`
      }
      case 'alter':
        return `alter ${step.topic}: ${step.setting} from ${step.from} to ${step.to}`
      case 'refuse':
        return `refused: ${step.topic} ${step.reason}`
      case 'note':
        return `note: ${step.topic}: ${step.text}`
      default:
        return step satisfies never
    }
  })
}
