/** Looks at the topics on the cluster, and carries a plan out. */
import type { Environment } from '../../topology/environment.ts'
import { LogError } from '../../topology/log/port.ts'
import type { KafkaClient } from '../kafka-client/contract.ts'
import { readError } from './errors.ts'
import type { WantedTopic } from './topic-settings.ts'
import type { ExistingTopic, TopicChange, TopicsPlan } from './topics-plan.ts'

/** `ConfigResourceTypes.TOPIC` and `ConfigSource.TOPIC_CONFIG` of the protocol. */
const TOPIC = 2
const SET_ON_TOPIC = 1
const ALREADY_EXISTS = 'TOPIC_ALREADY_EXISTS'
const DENIED = 'TOPIC_AUTHORIZATION_FAILED'
const READY_TRIES = 100
const READY_WAIT_MS = 100

/** Those of the topics that exist, by name. @throws {LogError} */
export async function describeTopics(
  client: Pick<KafkaClient, 'admin' | 'listOffsets'>,
  names: readonly string[],
): Promise<ReadonlyMap<string, ExistingTopic>> {
  const { admin } = client
  try {
    const all = new Set(await admin.listTopics())
    const there = names.filter((name) => all.has(name))
    if (there.length === 0) return new Map()
    const { topics } = await admin.fetchTopicMetadata({ topics: [...there] })
    const configs = await configsOf(admin, there)
    const partitions = topics.flatMap(({ name, partitions: list }) =>
      list.map(({ partitionId }) => ({ topic: name, partition: partitionId })),
    )
    const [first, end] = await Promise.all([
      client.listOffsets(partitions, 'first'),
      client.listOffsets(partitions, 'end'),
    ])
    return new Map(
      topics.map(({ name, partitions: list }) => {
        const keys = list.map(({ partitionId }) => `${name}/${partitionId}`)
        const topic: ExistingTopic = {
          name,
          partitions: list.length,
          replicationFactor: Math.min(...list.map(({ replicas }) => replicas.length)),
          config: configs?.get(name) ?? null,
          empty: keys.every((key) => first.get(key) === end.get(key)),
        }
        return [name, topic]
      }),
    )
  } catch (error) {
    throw readError(error)
  }
}

type Admin = KafkaClient['admin']

/** Settings as they are in effect, by topic; `null` if they may not be seen. */
async function configsOf(
  admin: Admin,
  names: readonly string[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, string>> | null> {
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: names.map((name) => ({ type: TOPIC, name })),
    })
    return new Map(
      resources.map(({ resourceName, configEntries }) => [
        resourceName,
        new Map(configEntries.map(({ configName, configValue }) => [configName, configValue])),
      ]),
    )
  } catch (error) {
    if ((error as { type?: unknown }).type === DENIED) return null
    throw error
  }
}

/** Creates and alters; what the plan refuses or notes is passed over. @throws {LogError} */
export async function applyTopics(client: KafkaClient, plan: TopicsPlan, environment: Environment): Promise<void> {
  const creations = plan.flatMap((step) => (step.kind === 'create' ? [step.topic] : []))
  const changes = plan.flatMap((step) => (step.kind === 'alter' ? [step] : []))
  try {
    if (creations.length > 0) await createTopics(client, creations, environment)
    if (changes.length > 0) {
      await alterTopics(client.admin, changes).catch((error: unknown) => {
        throw denial(error, 'AlterConfigs', changes) ?? error
      })
    }
  } catch (error) {
    throw readError(error)
  }
}

/** Another process may do the same at the same time. */
async function createTopics(
  client: KafkaClient,
  topics: readonly WantedTopic[],
  environment: Environment,
): Promise<void> {
  const made = topics.map(({ name, partitions, replicationFactor, config }) => ({
    topic: name,
    numPartitions: partitions,
    replicationFactor: replicationFactor ?? -1,
    configEntries: Object.entries(config).map(([setting, value]) => ({ name: setting, value })),
  }))
  // waiting for leaders it fails where one is not known at once
  await client.admin.createTopics({ topics: made, waitForLeaders: false }).catch((error: unknown) => {
    if (!alreadyExists(error)) throw denial(error, 'Create', made) ?? error
  })
  await untilReady(client, topics, environment)
}

function alreadyExists(error: unknown): boolean {
  const { type, errors } = error as { type?: unknown; errors?: readonly unknown[] }
  return type === ALREADY_EXISTS || (errors?.every(alreadyExists) ?? false)
}

/** The admin client's own words name neither the topic nor what is missing. */
function denial(error: unknown, operation: string, topics: readonly { readonly topic: string }[]): LogError | null {
  const { type, errors = [], topic } = error as { type?: unknown; errors?: readonly unknown[]; topic?: string }
  if (type === DENIED) {
    const names = topic ?? [...new Set(topics.map((each) => each.topic))].join(', ')
    const message = `${operation} of topic ${names}: the broker answered ${DENIED}; needed is an ACL that allows ${operation} on the topic`
    return new LogError('NOT_AUTHORIZED', message, { cause: error })
  }
  for (const each of errors) {
    const found = denial(each, operation, topics)
    if (found !== null) return found
  }
  return null
}

async function untilReady(
  client: KafkaClient,
  topics: readonly WantedTopic[],
  environment: Environment,
): Promise<void> {
  const partitions = topics.flatMap(({ name, partitions: count }) =>
    Array.from({ length: count }, (_, partition) => ({ topic: name, partition })),
  )
  for (let attempt = 1; ; attempt++) {
    try {
      await client.listOffsets(partitions, 'stable')
      return
    } catch (error) {
      if (attempt === READY_TRIES) throw error
    }
    await new Promise<void>((resolve) => environment.after(READY_WAIT_MS, resolve))
  }
}

/** The request replaces all that is set on the topic, so what is there goes along. */
async function alterTopics(admin: Admin, changes: readonly TopicChange[]): Promise<void> {
  const names = [...new Set(changes.map(({ topic }) => topic))]
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: names.map((name) => ({ type: TOPIC, name })),
  })
  await admin.alterConfigs({
    validateOnly: false,
    resources: resources.map(({ resourceName, configEntries }) => {
      const settings = new Map(
        configEntries
          .filter(({ configSource }) => configSource === SET_ON_TOPIC)
          .map(({ configName, configValue }) => [configName, configValue]),
      )
      for (const { topic, setting, to } of changes) if (topic === resourceName) settings.set(setting, to)
      return {
        type: TOPIC,
        name: resourceName,
        configEntries: [...settings].map(([name, value]) => ({ name, value })),
      }
    }),
  })
}

/** Why the deployment must not be opened on these topics. */
export function unfit(plan: TopicsPlan, mayCreate: boolean): LogError | null {
  const reasons: string[] = []
  let partitionsDiffer = false
  for (const step of plan) {
    if (step.kind === 'refuse') {
      partitionsDiffer ||= step.problem === 'partitions'
      reasons.push(`topic ${step.topic} ${step.reason}`)
    } else if (mayCreate) continue
    else if (step.kind === 'create') {
      reasons.push(`topic ${step.topic.name} does not exist; create it (\`beamline topics plan\` prints how)`)
    } else if (step.kind === 'alter' && step.required) {
      reasons.push(`topic ${step.topic} has ${step.setting}=${step.from}; expected ${step.to}`)
    }
  }
  if (reasons.length === 0) return null
  return new LogError(partitionsDiffer ? 'PARTITIONS_DIFFER' : 'TOPICS_UNFIT', reasons.join('; '))
}
