/** Parts of addresses, as they are dialled and as errors name them. Pure. */

/** A part of a URL without its percent signs; one that is no such text means itself. */
export function decodedPart(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Without the brackets of IPv6. */
export function hostOf(url: URL): string {
  return decodedPart(url.hostname).replace(/^\[|\]$/g, '')
}

/** `host:port`, which no credentials are part of. */
export function hostAndPort(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** `scheme://host:port`: what errors say of where a request went. Paths and queries may hold what is not for everybody. */
export function originAndPort({ protocol, hostname, port }: URL): string {
  return `${protocol}//${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`
}
