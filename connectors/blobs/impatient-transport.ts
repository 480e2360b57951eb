/** Requests of the bucket's client, which itself waits for ever for a server that has taken a request and says nothing. */
import http from 'node:http'
import https from 'node:https'

/** Ends a connection on which nothing was heard or sent for so long: before the answer, within it, or while a content is sent. */
export function impatientTransport(secure: boolean, silentMs: number): Pick<typeof http, 'request'> {
  const request = (options: https.RequestOptions, onAnswer: (answer: http.IncomingMessage) => void) => {
    const made = (secure ? https : http).request({ ...options, timeout: silentMs }, onAnswer)
    return made.on('timeout', () => {
      made.destroy(Object.assign(new Error(`nothing was heard for ${silentMs} ms`), { code: 'NoAnswer' }))
    })
  }
  return { request: request as typeof http.request }
}
