/** `beamline topics`: plans and creates the topics without opening the log. */
import type { TopicsReport, TopicsReportStep } from '../../topology/log/topics-report.ts'
import { connectKafka } from '../kafka-client/client.ts'
import { readError } from './errors.ts'
import { namesOf } from './names.ts'
import { surveyTopics } from './open-deployment.ts'
import type { KafkaLogOptions } from './options.ts'
import { applyTopics, unfit } from './topics-admin.ts'
import { planText, type TopicStep, type TopicsPlan } from './topics-plan.ts'

export interface TopicsRequest {
  /** Carries the plan out, unless something in it is refused. */
  readonly apply: boolean
}

/**
 * With `createTopics: false` what is missing stays so, and settings are changed all the same.
 * @throws {LogError} `UNREACHABLE`, `NOT_AUTHORIZED`; `PARTITIONS_DIFFER`, `DEPLOYMENT_DIFFERS`, `FOREIGN_DATA`, `LOG_NEWER`
 */
export async function manageTopics(options: KafkaLogOptions, { apply }: TopicsRequest): Promise<TopicsReport> {
  const { kafka, environment, createTopics = true } = options
  const names = namesOf(options.prefix)
  const client = await connectKafka(kafka, environment).catch((error: unknown) => {
    throw readError(error)
  })
  const fetcher = client.createFetcher()
  try {
    const { stored, plan } = await surveyTopics(client, fetcher, names, options)
    const mine = plan.filter(({ kind }) => createTopics || kind !== 'create')
    const applied = apply && !plan.some(({ kind }) => kind === 'refuse')
    if (applied) await applyTopics(client, mine, environment)
    const left = applied ? plan.filter((step) => !mine.includes(step)) : plan
    return {
      deployment: stored,
      steps: plan.map((step) => shown(step, createTopics)),
      applied,
      ready: isReady(left),
    }
  } finally {
    await fetcher.close()
    await client.close()
  }
}

function isReady(left: TopicsPlan): boolean {
  return unfit(left, false) === null
}

function shown(step: TopicStep, createTopics: boolean): TopicsReportStep {
  const topic = step.kind === 'create' ? step.topic.name : step.topic
  const [text = ''] = planText([step])
  const isMissing = step.kind === 'create' && !createTopics
  return { kind: isMissing ? 'missing' : step.kind, topic, text: isMissing ? `missing: ${text}` : text }
}
