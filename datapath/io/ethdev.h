// SPDX-License-Identifier: BSD-3-Clause

#pragma once

// Registers memif, pcap, vdev, pci.
void ethdev_register(void);
