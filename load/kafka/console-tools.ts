/** Kafka's own console clients, in Java, as clients that are not ours: to be run by `KafkaCluster.tool`. */

export const CONSOLE_CONSUMER = 'org.apache.kafka.tools.consumer.ConsoleConsumer'
export const TOPICS_TOOL = 'org.apache.kafka.tools.TopicCommand'
export const GROUPS_TOOL = 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand'

export function consoleProducer(version: string): string {
  return version.startsWith('3.') ? 'kafka.tools.ConsoleProducer' : 'org.apache.kafka.tools.ConsoleProducer'
}

export function aclTool(version: string): string {
  return version.startsWith('3.') ? 'kafka.admin.AclCommand' : 'org.apache.kafka.tools.AclCommand'
}
