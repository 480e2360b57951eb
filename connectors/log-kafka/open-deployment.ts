/** Makes sure that the topics are this deployment's and fit for it, before anything is read or written. */
import { LogError } from '../../topology/log/port.ts'
import type { Fetcher, KafkaClient } from '../kafka-client/contract.ts'
import { checkDeployment, checkForeign, createDeployment, type Deployment, readDeployment } from './deployment.ts'
import type { Names } from './names.ts'
import type { KafkaLogOptions } from './options.ts'
import {
  DEFAULT_MAX_RECORD_BYTES,
  DEFAULT_PARTITIONS,
  MAX_PARTITIONS,
  valueBytes,
  type WantedTopic,
  wantedTopics,
} from './topic-settings.ts'
import { applyTopics, describeTopics, unfit } from './topics-admin.ts'
import { type ExistingTopic, planText, planTopics, type TopicsPlan } from './topics-plan.ts'

/** Default of Kafka's `max.message.bytes`. */
const BROKERS_MESSAGE_BYTES = 1_048_588

export interface OpenedDeployment {
  readonly deployment: Deployment
  readonly maxRecordBytes: number
  readonly deleteRetentionMs: number | null
}

export interface Survey {
  readonly stored: Deployment | null
  readonly existing: ReadonlyMap<string, ExistingTopic>
  readonly wanted: readonly WantedTopic[]
  readonly plan: TopicsPlan
}

/** What is there, and what is to be done; changes nothing. @throws {LogError} if the topics are somebody else's */
export async function surveyTopics(
  client: KafkaClient,
  fetcher: Fetcher,
  names: Names,
  options: KafkaLogOptions,
): Promise<Survey> {
  checkPartitions(options.partitions)
  const all = wantedTopics(names, 1).map(({ name }) => name)
  const existing = await describeTopics(client, all)
  const stored = existing.has(names.deployment) ? await readDeployment(client, fetcher, names) : null
  if (stored === null) checkForeign(existing, names)
  else checkDeployment(stored, names, options)
  const wanted = wantedTopics(names, stored?.partitions ?? options.partitions ?? DEFAULT_PARTITIONS, options.topics)
  return { stored, existing, wanted, plan: planTopics(existing, wanted) }
}

function checkPartitions(partitions: number | undefined): void {
  if (partitions === undefined) return
  if (Number.isInteger(partitions) && partitions >= 1 && partitions <= MAX_PARTITIONS) return
  throw new RangeError(`partitions is ${partitions}; expected a whole number from 1 to ${MAX_PARTITIONS}`)
}

/** @throws {LogError} */
export async function openDeployment(
  client: KafkaClient,
  fetcher: Fetcher,
  names: Names,
  options: KafkaLogOptions,
): Promise<OpenedDeployment> {
  const { createTopics = true, onProblem, environment } = options
  const { stored, existing, wanted, plan } = await surveyTopics(client, fetcher, names, options)
  const problem = unfit(plan, createTopics)
  if (problem !== null) throw problem
  if (createTopics) await applyTopics(client, plan, environment)
  for (const text of planText(plan.filter(({ kind }) => kind !== 'create'))) onProblem?.(text)
  const deployment = stored ?? (await createDeployment(client, fetcher, names, options, partitionsIn(wanted)))
  checkDeployment(deployment, names, options)
  if (deployment.partitions !== partitionsIn(wanted)) {
    throw new LogError(
      'PARTITIONS_DIFFER',
      `another process has just made the deployment with ${deployment.partitions} partitions`,
    )
  }
  const settings = settingsIn(existing, createTopics ? plan : [])
  return {
    deployment,
    maxRecordBytes: smallest(wanted, settings, options),
    deleteRetentionMs: deleteRetention(wanted, settings),
  }
}

function partitionsIn(wanted: readonly WantedTopic[]): number {
  return Math.max(...wanted.map(({ partitions }) => partitions))
}

type Settings = (topic: WantedTopic, setting: string) => string | null

/** Settings in effect once the plan is carried out; `null` if they are not told. */
function settingsIn(existing: ReadonlyMap<string, ExistingTopic>, plan: TopicsPlan): Settings {
  const changed = new Map<string, string>()
  for (const step of plan) if (step.kind === 'alter') changed.set(`${step.topic} ${step.setting}`, step.to)
  return ({ name, config }, setting) => {
    const found = existing.get(name)
    const current = found === undefined ? config[setting] : found.config?.get(setting)
    return changed.get(`${name} ${setting}`) ?? current ?? null
  }
}

function smallest(wanted: readonly WantedTopic[], settings: Settings, { topics }: KafkaLogOptions): number {
  const limits = wanted.map((topic) =>
    valueBytes(topic.use, Number(settings(topic, 'max.message.bytes') ?? BROKERS_MESSAGE_BYTES)),
  )
  return Math.min(topics?.maxRecordBytes ?? DEFAULT_MAX_RECORD_BYTES, ...limits)
}

/** Times of records say something about the age of deletes only if the broker stamps them. */
function deleteRetention(wanted: readonly WantedTopic[], settings: Settings): number | null {
  const changelog = wanted.find(({ use }) => use === 'changelog')!
  const retention = settings(changelog, 'delete.retention.ms')
  const stamped = settings(changelog, 'message.timestamp.type') === 'LogAppendTime'
  return stamped && retention !== null ? Number(retention) : null
}
