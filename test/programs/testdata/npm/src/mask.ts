// The native code that bufferutil's install script has chosen, not its
// fallback: the bundle leaves the package where it is.
const native = require('node-gyp-build')(require('path').dirname(require.resolve('bufferutil/package.json')));

export function mask(data: Buffer, key: Buffer): Buffer {
  const out = Buffer.alloc(data.length);
  native.mask(data, key, out, 0, data.length);
  return out;
}

export function unmask(data: Buffer, key: Buffer): Buffer {
  const out = Buffer.from(data);
  native.unmask(out, key);
  return out;
}
