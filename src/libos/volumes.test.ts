import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { HostFileError } from '../base/host-files.ts';
import type { LayerVolume } from '../encfs/5-disk/layer-volume.ts';
import { EIO } from '../kernel/errno.ts';
import { Volumes } from './volumes.ts';

const place = mkdtempSync(join(tmpdir(), 'cloister-volumes-'));
after(() => rmSync(place, { recursive: true, force: true }));

const opened = (): Volumes => new Volumes({ log() {}, nowNs: () => 0n, changed() {} });
const at = (volumes: Volumes, name: string, counter?: { read(): number; advanceTo(value: number): void }): LayerVolume =>
  volumes.writable(join(place, name), join(place, `${name}.record`), { sealingKey: new Uint8Array(32), ...(counter !== undefined && { counter }) });
const names = (volume: LayerVolume): string[] => volume.readdir(volume.root).map(({ name }) => name);

test('where one volume cannot be closed, the others are; the error is told', () => {
  const volumes = opened();
  const silent = {
    read: () => 0,
    advanceTo(): void {
      throw new HostFileError('EIO', 'no answer');
    },
  };
  for (const volume of [at(volumes, 'a', silent), at(volumes, 'b')]) volume.mkdir(volume.root, 'kept', 0o755, 0, 0);
  assert.throws(
    () => volumes.close(),
    (error) => error === EIO,
  );
  const again = opened();
  assert.deepEqual([names(at(again, 'a')), names(at(again, 'b'))], [['kept'], ['kept']]);
  again.close();
});

test('what is abandoned is as it was found, and can be opened again', () => {
  const volumes = opened();
  const volume = at(volumes, 'c');
  volume.mkdir(volume.root, 'lost', 0o755, 0, 0);
  assert.throws(() => at(opened(), 'c'), { code: 'layer-in-use' });
  volumes.abandon();
  const again = opened();
  assert.deepEqual(names(at(again, 'c')), []);
  again.close();
});
