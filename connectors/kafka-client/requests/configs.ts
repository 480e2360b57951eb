import { assertNoError } from '../protocol-error.ts'
import type { Request } from '../socket.ts'

const TOPIC = 2

/** DescribeConfigs v1 of one setting of a topic; null if the broker does not tell. */
export const topicSetting = (topic: string, setting: string): Request<string | null> => ({
  apiKey: 32,
  apiVersion: 1,
  apiName: 'DescribeConfigs',
  encode(writer) {
    writer.array([topic], () =>
      writer
        .int8(TOPIC)
        .string(topic)
        .array([setting], (each, name) => each.string(name)),
    )
    writer.boolean(false)
  },
  decode(reader) {
    reader.int32()
    const values = reader.array((each) => {
      assertNoError(each.int16(), 'DescribeConfigs', `topic ${topic}`, each.string())
      each.int8()
      each.string()
      return each.array(() => {
        each.string()
        const value = each.string()
        each.boolean()
        each.int8()
        each.boolean()
        each.array(() => [each.string(), each.string(), each.int8()])
        return value
      })
    })
    return values.flat()[0] ?? null
  },
})
