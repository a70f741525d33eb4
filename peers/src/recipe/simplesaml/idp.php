<?php

// Its key changes in two steps: the next certificate is announced; then its key signs, and the one before is gone.
$pair = fn ($prefix, $name) => ["{$prefix}privatekey" => "$name.key", "{$prefix}certificate" => "$name.pem"];
$keys = [$pair('', 'idp'), $pair('', 'idp') + $pair('new_', 'next'), $pair('', 'next')];

$metadata['__DYNAMIC:1__'] = $keys[(int) @file_get_contents(getenv('PEER_FOLDER') . '/step')] + [
    'host' => '__DEFAULT__',
    'auth' => 'password',
    'signature.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
    'sign.logout' => true,
    'validate.logout' => true,
    'saml20.sign.response' => true,
    'saml20.sign.assertion' => true,
    'NameIDFormat' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
    'authproc' => [
        3 => [
            'class' => 'saml:AttributeNameID',
            'attribute' => 'uid',
            'Format' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
        ],
    ],
];
