/** What a URL says to a client that does not read it itself. */
export interface Target {
  readonly host: string
  readonly port: number
  readonly database: number
  readonly isSecure: boolean
  readonly credentials: { readonly username?: string; readonly password?: string }
}

const standardPort = 6_379

export const targetOf = (url: string): Target => {
  const { hostname, port, protocol, pathname, username, password } = new URL(url)
  return {
    host: hostname.startsWith('[') ? hostname.slice(1, -1) : hostname,
    port: Number(port === '' ? standardPort : port),
    database: Number(pathname.slice(1) || 0),
    isSecure: protocol === 'rediss:',
    credentials: {
      ...(username === '' ? {} : { username: decodeURIComponent(username) }),
      ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    },
  }
}
