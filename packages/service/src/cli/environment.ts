import { type Access, currentAccess } from './access.ts'
import { print } from './terminal.ts'

export const environmentOf = (access: Access): Readonly<Record<string, string>> => ({
  AWS_ENDPOINT_URL: access.url,
  AWS_ACCESS_KEY_ID: access.accessKeyId,
  AWS_SECRET_ACCESS_KEY: access.secretAccessKey,
  // Some of AWS's tools read the one, some the other.
  AWS_REGION: access.region,
  AWS_DEFAULT_REGION: access.region,
})

const quote = (value: string): string => (/^[A-Za-z0-9_/:.@%+=-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`)

/** For `eval "$(larder env)"`. A session token or profile of another account would be sent along, and is taken out. */
export const exportLines = (access: Access): string => {
  const lines = Object.entries(environmentOf(access)).map(([name, value]) => `export ${name}=${quote(value)}`)
  return `${[...lines, 'unset AWS_SESSION_TOKEN AWS_PROFILE'].join('\n')}\n`
}

/** `larder env` */
export const environment = async (): Promise<number> => {
  print(exportLines(currentAccess()))
  return 0
}
