/** The version as the provider reads it back: without the patch for Valkey and since Redis OSS 6, whole for all others. */
export const readVersion = (engine: string | undefined, version: string | undefined, asked: string | undefined): string => {
  const [major = '', minor = ''] = (version ?? '').split('.')
  if (engine === 'valkey') return `${major}.${minor}`
  if (engine !== 'redis' || Number(major) < 6) return version ?? ''
  return asked === '6.x' && major === '6' ? '6.x' : `${major}.${minor}`
}
